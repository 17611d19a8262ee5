"""Every touch of `azure-ai-ml`, and every private name of it. It is imported inside functions only.

Private names used, each tested on every supported version: `MLClient._credential`, `._base_url`, `._kwargs`
(how a client reaches the service), `_azure_environments._get_cloud_details` (of a cloud that we don't know),
the classes of storage that `_blob_storage_helper` and `_gen2_storage_helper` use,
`JobOperations._kwargs` and `ComponentOperations._init_args` (where
azure-core's `raw_request_hook` goes), `upload_file` of three modules (what it raises), `NodeInput._data`
and `NodeOutput._data` (what was said of data), and of what
`@dsl.pipeline` makes `_pipeline_builder`, `_job_settings` and `Component._source` (what its decorator says).
"""

from amlrun._sdk.client import make_client, on_behalf, wire_of
from amlrun._sdk.copies import copied
from amlrun._sdk.decorators import Decorators
from amlrun._sdk.jobs import build, identity, latest_environment, load, own_outputs, queue_settings, said_of
from amlrun._sdk.puts import Captured, capture, component_put
from amlrun._sdk.storage import storage_like

__all__ = [
    "Captured",
    "Decorators",
    "build",
    "capture",
    "component_put",
    "copied",
    "identity",
    "latest_environment",
    "load",
    "make_client",
    "on_behalf",
    "own_outputs",
    "queue_settings",
    "said_of",
    "storage_like",
    "wire_of",
]
