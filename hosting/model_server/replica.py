"""The server class as a Ray Serve deployment. `build` is what the driver's import_path names.

Ray's controller imports this module too, and is spared the runtimes: only a replica loads them.
"""

from ray import serve


@serve.deployment(name="model")
@serve.ingress()
class ModelReplica:
    """One process of one version. A manifest that cannot be loaded stops the replica with the loader's sentence."""

    def __init__(self, manifest, signature, timeout_s):
        from hosting.model_server import heartbeat, quiet
        from hosting.model_server.figures import RayFigures
        from hosting.model_server.listening import listen_narrowly
        from hosting.model_server.server import app_from_manifest

        listen_narrowly()
        quiet.look_rarely_whether_to_stop()  # before Ray starts the server that does the looking
        self._model_app = app_from_manifest(
            manifest, signature, timeout_s=timeout_s, figures=RayFigures()
        )
        heartbeat.start(self._model_app.is_wedged)
        self._is_quiet = False

    def __serve_build_asgi_app__(self):
        return self._model_app

    async def check_health(self):
        """Called by the engine, on the request loop: Ray gives a function that is not async to a thread, which costs more."""
        self._model_app.check_health()
        if not self._is_quiet:  # it has started: from now on nobody waits for its main thread
            from hosting.model_server import quiet

            quiet.look_rarely_for_signals()
            self._is_quiet = True


def build(args):
    """Serve application builder. `args`: {"manifest": {...}, "signature": hex, "timeout_s": seconds of one inference}."""
    return ModelReplica.bind(args["manifest"], args["signature"], args["timeout_s"])
