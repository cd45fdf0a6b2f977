"""Bases: how the services write their member names."""

from __future__ import annotations

import msgspec


class Ec2(msgspec.Struct, frozen=True, rename="pascal", gc=False):
    """Base for the PascalCase services."""


class Eks(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Base for EKS, which writes camelCase."""


class Tag(Ec2, frozen=True):
    key: str
    value: str = ""
