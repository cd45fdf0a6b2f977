"""Functions of our CEL that look into what APIs give: JSON inside a text, members by path, variables, tags, labels, names.

What a function cannot read is an error, and so the answer of the whole condition unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clusterproof.profiles.raised import ExpressionError

MAX_JSON = 1_000_000
"""Characters of JSON that are read inside an expression; etcd takes objects of 1.5 MB."""


def json(text: object) -> Any:
    """``json(text)``: the value that a text of JSON holds."""
    import json as library

    if not isinstance(text, str) or len(text) > MAX_JSON:
        raise ExpressionError("json() takes a text of JSON")
    try:
        return library.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ExpressionError(f"{_short(text)!r} is no JSON") from None


def get(value: object, path: object, default: object) -> Any:
    """``get(it, "a.b", "")``: the member at a path, or the default where a part of it is missing or null.

    A list of names in place of the text: names may then hold dots. A number is a place in a list.
    """
    names = path.split(".") if isinstance(path, str) else path
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, (str, int)) for name in names):
        raise ExpressionError('get() takes a path such as "spec.replicas" or a list of names')
    for name in names:
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, (list, tuple)) and str(name).isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return default
        if value is None:
            return default
    return value


def env(holder: object, name: object) -> str:
    """``env(podSpec, "NAME")``: the literal value of a variable in a container, or in all of a pod; ``""`` where none sets it.

    A value that is taken from elsewhere (``valueFrom``), that differs between containers, or that may come with all
    of a ConfigMap or Secret (``envFrom``) is an error.
    """
    if not isinstance(holder, Mapping) or not isinstance(name, str):
        raise ExpressionError('env() takes a pod\'s spec or a container, and a name: env(it.spec, "NAME")')
    whole = "containers" in holder
    containers = [*(holder.get("containers") or ()), *(holder.get("initContainers") or ())] if whole else [holder]
    found: dict[str, None] = {}
    elsewhere = False
    for container in containers:
        variables = [item for item in container.get("env") or () if item.get("name") == name]
        if not variables:
            elsewhere = elsewhere or bool(container.get("envFrom"))
            continue
        last_one = variables[-1]  # of two of one name the last one counts
        if "valueFrom" in last_one:
            raise ExpressionError(f"{name} is taken from elsewhere (valueFrom)")
        found[str(last_one.get("value") or "")] = None
    if len(found) > 1:
        raise ExpressionError(f"{name} differs between containers")
    if not found and elsewhere:
        raise ExpressionError(f"{name} may come from a ConfigMap or Secret (envFrom)")
    return next(iter(found), "")


def tag(tags: object, key: object) -> str:
    """``tag(it.Tags, "Name")``: a tag's value, of a list of ``{Key, Value}`` as of a mapping; ``""`` where there is none."""
    return _tags(tags).get(str(key), "")


def has_tag(tags: object, key: object) -> bool:
    """``has_tag(it.Tags, "Name")``: whether there is a tag of that key."""
    return str(key) in _tags(tags)


def last(text: object, separator: object) -> str:
    """``last("a/b/c", "/")``: what stands behind the last separator; all of it where there is none."""
    return _two("last", text, separator)[0].rpartition(str(separator))[2]


def split(text: object, separator: object) -> list[str]:
    """``split("a,b", ",")``: the parts of a text; of an empty text none."""
    whole, between = _two("split", text, separator)
    return whole.split(between) if whole else []


def join(parts: object, separator: object) -> str:
    """``join(["a", "b"], ",")``: texts as one."""
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise ExpressionError("join() takes a list of texts and what stands between them")
    return str(separator).join(parts)


def like(text: object, pattern: object) -> bool:
    """``like("asya-x", "asya-*")``: whether a text is as a pattern in which * is any text and ? any one letter."""
    whole, given = _two("like", text, pattern)
    wild = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in re.sub(r"\*+", "*", given))
    return re.fullmatch(wild, whole, re.DOTALL) is not None


def selects(selector: object, labels: object) -> bool:
    """``selects(it.spec.podSelector, labels)``: whether a label selector of Kubernetes selects what has these labels.

    An empty selector selects everything, null selects nothing (Kubernetes API reference, LabelSelector).
    """
    if selector is None:
        return False
    if not isinstance(selector, Mapping) or not isinstance(labels, (Mapping, type(None))):
        raise ExpressionError("selects() takes a label selector and labels")
    have: Mapping[str, Any] = labels or {}
    if any(have.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_matches(item, have) for item in selector.get("matchExpressions") or ())


def version_of(image: object) -> str:
    """``version_of("repo/name:v1.2.3@sha256:…")``: the tag of an image without a leading v or ``-eksbuild.N``.

    An image without a tag is an error: which version it is stands nowhere.
    """
    found = tag_of(image) if isinstance(image, str) else ""
    if not found:
        raise ExpressionError(f"{image!r} is no image with a tag")
    return plain_version(found)


def tag_of(image: str) -> str:
    """The tag of an image's name; empty where it has none. A registry's port is no tag."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]


def plain_version(text: str) -> str:
    """A version without what EKS puts around it: ``v1.16.2-eksbuild.1`` is 1.16.2."""
    return re.sub(r"-eksbuild\.\d+$", "", re.sub(r"^[vV](?=\d)", "", text.strip()))


def unknown(text: object) -> Any:
    """No answer, for the cause that the text is: an expression that can tell why it cannot tell."""
    raise ExpressionError(str(text))


LOOKUPS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (json, get, env, tag, has_tag, last, split, join, like, selects, version_of, unknown)
}
"""Every function by its name in CEL."""


def _matches(item: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, values = str(item.get("key")), item.get("values") or ()
    match item.get("operator"):
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ExpressionError(f"{other!r} is no operator of a label selector")


def _tags(tags: object) -> dict[str, str]:
    if tags is None:
        return {}
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    if isinstance(tags, Sequence) and all(isinstance(item, Mapping) for item in tags):
        lower = [{str(name).lower(): value for name, value in item.items()} for item in tags]
        named = [(item.get("key", item.get("tagkey")), item.get("value", item.get("tagvalue"))) for item in lower]
        return {str(key): str(value or "") for key, value in named if key is not None}
    raise ExpressionError("tags are a list of {Key, Value} or a mapping")


def _two(name: str, text: object, other: object) -> tuple[str, str]:
    if not isinstance(text, str) or not isinstance(other, str) or not other:
        raise ExpressionError(f"{name}() takes two texts")
    return text, other


def _no_number(text: str) -> None:
    raise ValueError(text)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
