"""The support desk (Django admin): staff look, nobody goes round the verbs."""

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from tests import factories

pytestmark = pytest.mark.django_db

OURS = [
    model
    for model in admin.site._registry
    if model._meta.app_label
    in (
        "accounts",
        "audit",
        "notices",
        "tokens",
        "catalog",
        "governance",
        "consumption",
        "hosting",
        "organisation",
        "insights",
    )
]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_list_opens_and_nothing_is_deleted(model):
    client, desk = Client(), admin.site._registry[model]
    factories.key()
    root = factories.root()
    client.force_login(root)
    assert (
        client.get(
            reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        ).status_code
        == 200
    )
    request = RequestFactory().get("/")
    request.user = root
    assert not desk.has_delete_permission(request)


@pytest.mark.parametrize(
    "model",
    [model for model in OURS if any(field.name == "state" for field in model._meta.fields)],
    ids=lambda model: model._meta.label,
)
def test_states_are_read_only(model):
    desk = admin.site._registry[model]
    request = RequestFactory().get("/")
    request.user = factories.root()
    assert not desk.has_change_permission(request) or "state" in desk.get_readonly_fields(request)
    assert not desk.has_add_permission(request)
