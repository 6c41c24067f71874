"""The support desk: look, do not touch. Changes go through the verbs, so that they are checked and recorded."""

from django.contrib import admin


class LookOnly(admin.ModelAdmin):
    """Shows rows; adds, changes and deletes nothing."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
