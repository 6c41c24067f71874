"""The model server: what runs inside a replica and in the run gate's child. It knows no Django, so that a replica starts fast
and holds no secret; publishing judges signatures and examples by the same modules (coercion, datatypes, wire)."""
