"""The frame of every page, home, and the answers to what goes wrong."""


def frame(request):
    return {}


def csrf_failed(request, reason=""):
    pass
