"""YAML of calibration files, also as OpenCV writes it, without aliases and within a depth."""

from __future__ import annotations

import yaml

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # a build of PyYAML without libyaml
    from yaml import SafeLoader

_MAX_DEPTH = 16
_OPENCV_HEADER = "%YAML:"  # OpenCV's directive is none of YAML's


class _Loader(SafeLoader):  # pyright: ignore[reportGeneralTypeIssues] - one of two classes
    """Plain values only, and OpenCV's matrices as mappings."""


def _construct_matrix(loader: _Loader, suffix: str, node: yaml.Node) -> object:
    if not isinstance(node, yaml.MappingNode):
        raise yaml.YAMLError(f"opencv-{suffix} must have rows, cols and data")
    return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("tag:yaml.org,2002:opencv-", _construct_matrix)


def parse_yaml(text: str) -> object:
    """Parses YAML text.

    Raises:
        yaml.YAMLError: it is no YAML, has an alias, or is nested too deeply.
        ValueError: a number that cannot be read.
    """
    if text.startswith(_OPENCV_HEADER):
        text = text.partition("\n")[2]
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):  # a few of them can stand for millions of values
            raise yaml.YAMLError("it has an alias, which calibration files do not need")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise yaml.YAMLError("it is nested too deeply")
    return yaml.load(text, Loader=_Loader)
