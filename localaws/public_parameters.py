"""Systems Manager's public parameters: every account reads them, and AWS alone writes them.

Source: Systems Manager User Guide, "Working with public parameters"; a name that begins with /aws is refused when an account
puts one, by moto too. Amazon EKS User Guide, "Retrieve recommended Amazon Linux AMI IDs", for the names of EKS's images. Which
Kubernetes versions EKS has images of changes every few months, so there is one here for every version that is written like one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami
from moto.ec2.utils import random_ami_id
from moto.ssm.models import Parameter, ParameterDict, ssm_backends

from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localaws.account import Account

EKS_IMAGE = re.compile(
    r"/aws/service/eks/optimized-ami/(?P<version>1\.[1-9][0-9]?)/amazon-linux-2023/(?P<architecture>x86_64|arm64)/standard"
    r"/recommended/image_id"
)
"""The name of the parameter that has EKS's recommended image of Amazon Linux 2023."""


class PublicParameters:
    """What AWS publishes: EKS's images, each as soon as it is asked for, and whatever somebody has it publish."""

    def __init__(self, account: Account, account_id: str) -> None:
        self._account = account
        self._account_id = account_id

    def patches(self) -> Iterator[Patch]:
        """Yield what has an image published before moto looks whether there is a parameter of its name."""

        def make(original: Callable[[ParameterDict, str], None]) -> Callable[..., None]:
            def look(parameters: ParameterDict, key: str) -> None:
                original(parameters, key)
                named = EKS_IMAGE.fullmatch(str(key or ""))
                if named and not dict.__contains__(parameters, key):
                    image = self._eks_image(named, parameters.region_name)
                    self._add(parameters, key, image)

            return look

        yield Patch(ParameterDict, "_check_loading_status", make)

    def publish(self, name: str, value: str, region: str) -> None:
        """Publish a parameter, or a new version of it.

        Args:
            name: with its path, which begins with /aws/service.
            value: text.
            region: where.
        """
        # Through the models: moto's API refuses the name, as AWS does.
        parameters = ssm_backends[self._account_id][region]._parameters
        parameters._check_loading_status(name)
        self._add(parameters, name, value)

    def _add(self, parameters: ParameterDict, name: str, value: str) -> None:
        versions = parameters.setdefault(name, [])
        versions.append(
            Parameter(  # type: ignore[abstract]  # CloudFormation's hooks alone are, and moto makes them so itself
                account_id=self._account_id,
                name=name,
                value=value,
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=self._now(),
                version=len(versions) + 1,
                data_type="text",
            )
        )

    def _eks_image(self, named: re.Match[str], region: str) -> str:
        """Make the image that a parameter is about; return its id.

        Its root device is at /dev/xvda (awslabs/amazon-eks-ami, templates/al2023/template.json, launch_block_device_mappings),
        and everybody may launch it.
        """
        backend = ec2_backends[self._account_id][region]
        image = Ami(
            backend,
            random_ami_id(),
            name=f"amazon-eks-node-al2023-{named['architecture']}-standard-{named['version']}",
            owner_alias="amazon",
            public=True,
            architecture=named["architecture"],
            root_device_name="/dev/xvda",
            creation_date=self._now(),
        )
        backend.amis[image.id] = image
        return image.id

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._account.clock.now(), UTC)
