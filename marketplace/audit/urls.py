"""Page routes of the record."""

from django.urls import path

from marketplace.audit import views

app_name = "audit"
urlpatterns = [
    path("audit/", views.record, name="record"),
    path("audit/extract/", views.extract, name="extract"),
    path("audit/print/", views.print_record, name="print"),
    path("audit/verify/", views.verify, name="verify"),
]
