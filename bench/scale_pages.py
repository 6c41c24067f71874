"""The pages and API lists of the portal, each with the person of the made company who reads it (bench/scale_data.py)."""

from typing import Any

SEARCH = "search"
LISTS = (
    "teams models versions plans changes applications subscriptions keys usage rejections deployments incidents"
    " health-samples reviews notices"
).split()
OVERSEEN = "models versions subscriptions keys usage reviews deployments audit-events".split()
TABLES = (
    "catalog/registeredmodel catalog/modelversion consumption/apikey consumption/subscription governance/review"
    " hosting/deployment audit/auditevent accounts/team"
).split()


def addresses(made: Any) -> dict[Any, dict[str, str]]:
    """{person: {what it is called: its address}}."""
    from catalog.models import RegisteredModel

    model = f"/models/{RegisteredModel.objects.get(pk=made.live_models[0]).slug}/"
    return {
        made.consumer: {
            "home": "/",
            "list": "/models/",
            "list, by use": "/models/?sort=-calls_30d",
            "list, of a domain": "/models/?domain=domain-3",
            "model": model,
            "its versions": f"{model}versions/",
            "its card": f"{model}card/",
            "its evidence": f"{model}evidence/",
            "its plans": f"{model}plans/",
            "access": "/access/",
            "usage": "/usage/",
            "usage, limits": "/usage/limits/",
            "usage, calls": "/usage/calls/",
            "statement": "/statement/",
            "notices": "/notices/",
            "insights": "/insights/",
            SEARCH: "/models/?q=income+verification",
            **{f"API {name}": f"/api/v1/{name}/" for name in LISTS},
        },
        made.publisher: {
            "its deployment": f"{model}deployment/",
            "its usage": f"{model}usage/",
            "its consumers": f"{model}consumers/",
            "publish": "/publish/",
            "use of models": "/publish/use/",
            "register": "/publish/new/",
        },
        made.operator: {
            "operations": "/operations/",
            "metrics": "/metrics",
            **{f"desk {name}": f"/admin/{name}/" for name in TABLES},
        },
        made.auditor: {
            "auditor's home": "/",
            "auditor's insights": "/insights/",
            "auditor's statement": "/statement/",
            "review queue": "/reviews/",
            "reconciliation": "/reconciliation/",
            **{f"auditor's API {name}": f"/api/v1/{name}/" for name in OVERSEEN},
        },
    }
