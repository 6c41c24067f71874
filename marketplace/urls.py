"""Every page route. /api/v1/ is marketplace.api; /v2/ is the gateway's own process."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from catalog import urls as catalog
from marketplace import views
from marketplace.accounts.views import LetterSent, SignIn
from marketplace.insights.model_page import views as model_views

admin.site.login = secure_admin_login(admin.site.login)  # one sign-in, with one throttle
admin.site.site_header = admin.site.site_title = "Support desk of the Model Marketplace"
admin.site.index_title = "Rows to look at; changes are made in the product"

# A model's overview needs facts of every app, so it is a view of insights (docs/model-page.md); its name stays the catalog's.
catalog_routes = [
    path("models/<slug:slug>/", model_views.overview, name="model"),
    *catalog.urlpatterns,
]
urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("setup/", views.setup, name="setup"),
    path("docs/problems/", views.problems, name="problems"),
    path("docs/problems/<slug:slug>", views.problems, name="problem"),
    path("accounts/login/", SignIn.as_view(), name="account_login"),
    path("accounts/password/reset/done/", LetterSent.as_view(), name="account_reset_password_done"),
    path("accounts/", include("allauth.account.urls")),
    path("", include("marketplace.accounts.urls")),
    path("", include("marketplace.audit.urls")),
    path("", include("marketplace.notices.urls")),
    path("", include("marketplace.tokens.urls")),
    path("", include("governance.urls")),
    path("", include("consumption.urls")),
    path("", include("hosting.urls")),
    path("", include("publishing.urls")),
    path("", include("marketplace.organisation.urls")),
    path("", include("marketplace.insights.urls")),
    path("", include("marketplace.operations.urls")),
    path("", include((catalog_routes, catalog.app_name))),
    path("api/", include("marketplace.api")),
    path("admin/", admin.site.urls),
]

handler400 = "marketplace.views.unreadable"
handler403 = "marketplace.views.forbidden"
handler404 = "marketplace.views.not_found"
handler500 = "marketplace.views.server_error"
