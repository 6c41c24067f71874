"""The organisation in the REST API: units, teams, who is on them, people, requests to join."""
