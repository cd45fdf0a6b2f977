"""What makes the API server call Services: admission webhooks and aggregated APIs.

Source: Kubernetes API reference, ValidatingWebhookConfiguration, MutatingWebhookConfiguration and APIService.
"""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import Metadata, Obj


class ServiceReference(Obj, frozen=True):
    """A Service and its port; 443 where none is named."""

    name: str = ""
    namespace: str = ""
    port: int = 443


class WebhookClient(Obj, frozen=True):
    """Where a webhook is: ``service`` or ``url``."""

    service: ServiceReference | None = None
    url: str = ""


class Webhook(Obj, frozen=True):
    name: str = ""
    client_config: WebhookClient = field(default_factory=WebhookClient)


class WebhookConfiguration(Obj, frozen=True):
    """A ValidatingWebhookConfiguration or a MutatingWebhookConfiguration."""

    metadata: Metadata
    webhooks: tuple[Webhook, ...] = ()


class APIServiceSpec(Obj, frozen=True):
    """``service`` is absent where the API server itself serves the group."""

    service: ServiceReference | None = None


class APIService(Obj, frozen=True):
    metadata: Metadata
    spec: APIServiceSpec = field(default_factory=APIServiceSpec)
