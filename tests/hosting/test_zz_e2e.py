import json, pytest, time
from tests import cast
from tests.gateway import *
pytestmark = pytest.mark.django_db(transaction=True)
def test_e2e(tmp_path):
    stub = Stub()
    v = live_version(url=stub.url)
    sub, text = subscriber(v)
    with Gateway(tmp_path/"gw") as g:
        slug=v.model.slug
        r=g.infer(f"/v2/models/{slug}/infer", text); print(r); print(g.said())
        print(stub.seen[:1])
        print(g.get(f"/v2/models/{slug}", text))
        print(g.get(f"/v2/models/{slug}/ready", text))
        print(g.get(f"/v2", text))
        print(g.get(f"/v2/models/{slug}/config", text))
        print(g.infer(f"/v2/models/{slug}/infer", "mkc_nope"))
        print(g.infer(f"/v2/models/{slug}/infer", text[:20]+"X"+text[21:]))
        t=time.time()
        from consumption.models import UsageHour
        until(lambda: UsageHour.objects.filter(calls__gte=1).exists(), 10, g.said)
        print("usage after", time.time()-t)
        print(g.metrics())
    print(g.said())
    assert 0
