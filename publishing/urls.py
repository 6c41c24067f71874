"""Page routes of the journey."""

from django.urls import path, re_path

from publishing import docs_views, views

app_name = "publishing"
STEP = r"(?P<step>package|interface|card|risk|plans|changelog|submit)"
urlpatterns = [
    path("publish/", views.home, name="home"),
    path("publish/new/", views.register, name="register"),
    path("publish/similar/", views.similar, name="similar"),
    path("publish/<slug:slug>/new/", views.new_version, name="new_version"),
    re_path(rf"^publish/(?P<slug>[-\w]+)/(?P<number>[^/]+)/{STEP}/$", views.step, name="step"),
    path("publish/<slug:slug>/<str:number>/withdraw/", views.withdraw, name="withdraw"),
    path("publish/<slug:slug>/<str:number>/deprecate/", views.deprecate, name="deprecate"),
    *docs_views.urlpatterns,
]
