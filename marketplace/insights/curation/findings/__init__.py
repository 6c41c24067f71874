"""How each kind of finding is searched for: functions of the day, each a few queries for any number of models."""
