"""beartype as PEP 484 reads annotations: where a float is wanted, an int will do."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
