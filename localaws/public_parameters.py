"""Systems Manager's public parameters: every account reads them, and AWS alone writes them.

Source: Systems Manager User Guide, "Working with public parameters"; a name that begins with /aws is refused when an account
puts one, by moto too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moto.ssm.models import Parameter, ssm_backends

if TYPE_CHECKING:
    from localaws.account import Account


class PublicParameters:
    """What AWS publishes, as far as somebody has it publish anything."""

    def __init__(self, account: Account, account_id: str) -> None:
        self._account = account
        self._account_id = account_id

    def publish(self, name: str, value: str, region: str) -> None:
        """Publish a parameter, or a new version of it.

        Args:
            name: with its path, which begins with /aws/service.
            value: text.
            region: where.
        """
        # Through the models: moto's API refuses the name, as AWS does.
        versions = ssm_backends[self._account_id][region]._parameters[name]
        versions.append(
            Parameter(  # type: ignore[abstract]  # CloudFormation's hooks alone are, and moto makes them so itself
                account_id=self._account_id,
                name=name,
                value=value,
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=datetime.fromtimestamp(self._account.clock.now(), UTC),
                version=len(versions) + 1,
                data_type="text",
            )
        )
