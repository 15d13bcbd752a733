"""Sources and targets. Each file holds one endpoint and its settings; `adapters.registry` names them all."""
