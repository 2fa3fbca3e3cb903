"""From a deployment of the published Multus sample to a configuration of ours: decided here, read elsewhere."""
