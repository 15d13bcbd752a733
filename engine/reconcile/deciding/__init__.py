"""What is done about a difference, who has to agree, and what still holds later. Arithmetic on values."""
