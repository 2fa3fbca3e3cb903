"""The limits of instance types."""

from __future__ import annotations

from moto.ec2.models.instance_types import INSTANCE_TYPES

from authoring.instance_types import Limits, architecture, known_types
from tools import instance_types


def test_the_file_is_what_describe_instance_types_says() -> None:
    """`python -m tools.instance_types` writes it."""
    expected = instance_types.rendered(INSTANCE_TYPES)
    assert instance_types.DESTINATION.read_text(encoding="utf-8") == expected


def test_limits_are_read_per_card() -> None:
    known = known_types()
    assert known["m5.large"] == Limits((3,), 10, 10, 2)
    assert known["p4d.24xlarge"] == Limits((15, 15, 15, 15), 50, 50, 96)


def test_a_card_without_ordinary_interfaces_takes_none() -> None:
    card = {"NetworkCardIndex": 1, "MaximumNetworkInterfaces": 1, "InterfaceTypes": ["efa-only"]}
    network = {
        "NetworkCards": [card, {"NetworkCardIndex": 0, "MaximumNetworkInterfaces": 4}],
        "Ipv4AddressesPerInterface": 10,
        "Ipv6AddressesPerInterface": 0,
        "EnaSupport": "required",
    }
    facts = {"NetworkInfo": network, "VCpuInfo": {"DefaultVCpus": 8}, "Hypervisor": "xen"}
    assert instance_types.rendered({"x.large": facts}) == (
        '{\n"x.large": {"cards": [4, 0], "ipv4": 10, "ipv6": 0, "cpus": 8, "nitro": false, "ena": true}\n}\n'
    )


def test_hardware_is_told() -> None:
    known = known_types()
    assert [
        (known[name].nitro, known[name].ena) for name in ("m5.large", "m4.large", "c5.metal")
    ] == [
        (True, True),
        (False, False),
        (True, True),
    ]


def test_the_architecture_is_what_ec2_says_of_every_type() -> None:
    told = {
        name: "arm64" if "arm64" in facts["ProcessorInfo"]["SupportedArchitectures"] else "x86_64"
        for name, facts in INSTANCE_TYPES.items()
        if not name.startswith("mac")
    }
    assert len(told) > 1000
    assert {name: architecture(name) for name in told} == told
