"""Which path is answered by what. The same for `web` and `data`: the load balancer decides who gets a request."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.generic import RedirectView

from catalog_svc.accounts.api import jwks
from catalog_svc.api import api, problem_response
from catalog_svc.harvesting import sitemap
from catalog_svc.harvesting.landing import landing
from catalog_svc.harvesting.oai import oai
from catalog_svc.operators.assets import asset
from catalog_svc.operators.site import make
from catalog_svc.pages import sign_in
from catalog_svc.pages.problems import problem, problems
from catalog_svc.pages.views import start
from dataplatform.problems import Problem, from_status

urlpatterns = [
    path("", start, name="start"),
    path(".well-known/jwks.json", jwks, name="jwks"),
    path("robots.txt", sitemap.robots, name="robots"),
    path("sitemap.xml", sitemap.index, name="sitemap"),
    path("sitemaps/<uuid:first>.xml.gz", sitemap.page, name="sitemap-page"),
    path("datasets/<uuid:dataset_id>", landing, name="dataset"),
    path("oai", oai, name="oai"),
    path("problems", problems, name="problems"),
    path("problems/<slug:code>", problem, name="problem"),
    path("sign-in", sign_in.sign_in, name="sign-in"),
    path("sign-in/password", sign_in.change_password, name="password"),
    path("sign-in/invitation", sign_in.invitation, name="invitation"),
    path("sign-in/with/<slug:name>", sign_in.to_provider, name="to-provider"),
    path("sign-in/with/<slug:name>/answer", sign_in.from_provider, name="from-provider"),
    path("sign-out", sign_in.sign_out, name="sign-out"),
    path("admin", RedirectView.as_view(url="/admin/"), name="admin-front-door"),
    path("admin/static/<path:name>", asset, name="admin-asset"),
    path("admin/", make().urls),
    path("api/v1/", api.urls),
]


def not_found(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it by name
    """Answer a path that nothing is at."""
    return problem_response(from_status(404, "there is nothing at this path"))


def malformed(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it by name
    """Answer a request that Django refuses, for example one for another host."""
    return problem_response(from_status(400, "the request is malformed, or for a host that this is not"))


def cross_site(_request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django passes it by name
    """Answer a form that was not sent from a page of ours."""
    detail = "the form was not sent from a page of this site, or its page is too old: open the page again"
    return problem_response(Problem("csrf_failed", "Cross-site request refused", 403, detail))


def defect(_request: HttpRequest) -> HttpResponse:
    """Answer a defect outside of the REST interface."""
    return problem_response(from_status(500, "This is our fault; the correlation id finds it in our logs."))


handler400 = "catalog_svc.urls.malformed"
handler404 = "catalog_svc.urls.not_found"
handler500 = "catalog_svc.urls.defect"
