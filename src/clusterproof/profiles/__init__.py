"""Profiles: a platform's requirements as data, loaded, validated and printed."""
