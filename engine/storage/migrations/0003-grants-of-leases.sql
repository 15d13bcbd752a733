-- Leases are taken under a lock that holds over all processes and nodes: which grant of it, and where grants are counted.
ALTER TABLE lease ADD COLUMN grant_space TEXT NOT NULL DEFAULT '';
ALTER TABLE lease ADD COLUMN grant_token INTEGER NOT NULL DEFAULT 0;
