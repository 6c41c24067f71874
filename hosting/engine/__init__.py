"""The generic server class: what runs inside a replica. Knows no Django, so that a replica starts fast and holds no secret."""
