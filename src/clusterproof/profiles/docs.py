"""The pages and files that are generated from profiles; ``make generate`` writes them, a test finds drift."""

from __future__ import annotations

import msgspec

from clusterproof.profiles import documentlines, schema
from clusterproof.profiles.load import builtin_names, load
from clusterproof.profiles.model import Profile
from clusterproof.profiles.structdocs import attributes, cell, with_tables
from clusterproof.profiles.text import markdown, paragraphs


def generated() -> dict[str, str]:
    """Content by path below the repository's root."""
    profiles = {name: load(name) for name in builtin_names()}
    pages = {f"docs/requirements/{name}.md": page(profile) for name, profile in profiles.items()}
    pages |= {
        f"docs/profiles/{name}.md": documentlines.page(found) for name, found in profiles.items() if found.checklist
    }
    return pages | {f"src/clusterproof/profiles/{schema.FILE}": schema.text()}


def page(profile: Profile) -> str:
    """A profile's page: its requirements' manuals, its names, and where each passage of its document went."""
    document = profile.document
    title = f"[{document.title}]({document.url})" if document.url else document.title
    lines = [f"# Requirements of the profile `{profile.name}`", ""]
    lines += [f"<!-- Generated from {profile.name}.yaml by `make generate`; edit that file. -->", ""]
    lines += [f"{profile.title}. Source: {title}" + (f", {document.version}." if document.version else "."), ""]
    lines += [*paragraphs(profile.description), ""]
    lines += ["| requirement | level | what must be so |", "|---|---|---|"]
    lines += [f"| [{r.id}](#{r.id}) | {r.level.value} | {cell(r.title)} |" for r in profile.requirements]
    for requirement in profile.requirements:
        lines += ["", markdown(profile, requirement).rstrip()]
    lines += _names(profile)
    if profile.checklist:
        there = f"[profiles/{profile.name}.md](../profiles/{profile.name}.md)"
        lines += ["", f"What became of each line of the document: {there}."]
    elif profile.passages:
        lines += ["", "## Where each sentence of the document went", ""]
        lines += ["| the document says | here it is a | in |", "|---|---|---|"]
        lines += [
            f"| {cell(p.says)} | {p.became.value} | {', '.join(f'`{at}`' for at in p.at) or 'the printed fix'} |"
            for p in profile.passages
        ]
    return "\n".join(lines) + "\n"


def _names(profile: Profile) -> list[str]:
    """The tables of what a user can override."""
    lines: list[str] = []
    parameters = [
        (
            name,
            item.title,
            f"`{item.default}`" + (f" of {', '.join(f'`{v}`' for v in item.values)}" if item.values else ""),
        )
        for name, item in profile.parameters.items()
    ]
    workloads = [
        (name, item.title, "by its pod template" if item.templates or item.template else "must be found")
        for name, item in profile.workloads.items()
    ]
    sets = [
        (
            name,
            item.title,
            "every group that its one way finds"
            if len(item.find) == 1
            else f"every group that any of {len(item.find)} ways finds",
        )
        for name, item in profile.node_sets.items()
    ]
    for heading, option, last, rows in (
        ("Parameters", "--set NAME=VALUE", "default", parameters),
        ("Node sets", "--nodes NAME=GROUP", "found by", sets),
        ("Workloads", "--workload NAME=KIND/NAMESPACE/NAME", "when not installed", workloads),
    ):
        if rows:
            lines += [
                "",
                f"## {heading}",
                "",
                f"Overridden by `{option}`.",
                "",
                f"| name | what it is | {last} |",
                "|---|---|---|",
            ]
            lines += [f"| `{name}` | {cell(what)} | {cell(how)} |" for name, what, how in rows]
    return lines


def with_keys(page_text: str) -> str:
    """``docs/profiles.md`` with its table of keys made anew; the rest of the page is written by hand.

    Raises:
        ValueError: the page lacks the two marks between which the keys stand.
    """
    return with_tables(page_text, _keys())


def _keys() -> str:
    """Every key of every mapping that a profile is made of."""
    lines: list[str] = []
    for kind in schema.structs():
        summary = schema.schema()["$defs"][kind.__name__]["description"]
        texts = attributes(kind)
        lines += [
            "",
            f"### {_PLACES[kind.__name__]}",
            "",
            summary,
            "",
            "| key | needed | what it is |",
            "|---|---|---|",
        ]
        for item in msgspec.structs.fields(kind):
            needed = "yes" if item.required else ""
            lines.append(f"| `{item.encode_name}` | {needed} | {cell(texts[item.encode_name])} |")
    return "\n".join(lines) + "\n"


_PLACES = {
    "Profile": "The profile itself",
    "Document": "document",
    "Requirement": "requirements[]",
    "Source": "requirements[].source",
    "Check": "requirements[].check",
    "Reach": "requirements[].check.reach",
    "Subject": "requirements[].check.reach.from and to",
    "Schedulable": "requirements[].check.schedulable",
    "Cel": "requirements[].check.cel",
    "Isolated": "requirements[].check.isolated",
    "LetsOut": "requirements[].check.lets_out",
    "Each": "requirements[].check.each",
    "Installed": "requirements[].check.installed",
    "Covers": "requirements[].check.covers",
    "Identity": "requirements[].check.identity",
    "Principal": "requirements[].check.identity.who, access.who, scope.who and effective.who",
    "Access": "requirements[].check.access",
    "Scope": "requirements[].check.scope",
    "Effective": "requirements[].check.effective",
    "Subnets": "requirements[].check.subnets",
    "PodSecurity": "requirements[].check.pod_security",
    "Mend": "requirements[].mends[]",
    "Parameter": "parameters.NAME",
    "NodeSet": "node_sets.NAME",
    "Evidence": "node_sets.NAME.find[]",
    "WorkloadDefinition": "workloads.NAME",
    "FindWorkload": "workloads.NAME.find[]",
    "Template": "workloads.NAME.template and templates.VALUE",
    "Passage": "passages[]",
    "ChecklistSection": "checklist[]",
    "Box": "checklist[].boxes[]",
    "ValidationCommand": "commands[]",
    "Reads": "reads",
}
