"""Object storage: one interface, a folder and an S3 implementation, one contract test for both.

Here: streaming bytes in and out by key, with typed errors. Not here: which keys exist and what they mean (the services
decide), nor any retry of whole operations (the job queue does that).
"""

from dataplatform.storage.errors import (
    InvalidKeyError,
    InvalidPartError,
    MultipartNotFoundError,
    ObjectCorruptError,
    ObjectExistsError,
    ObjectNotFoundError,
    ObjectStoreError,
    ObjectStoreRefusedError,
    ObjectStoreUnavailableError,
    SizeLimitExceededError,
)
from dataplatform.storage.folder import FolderStore
from dataplatform.storage.interface import ObjectStore, StoredObject, StoredStat
from dataplatform.storage.multipart import MAX_PARTS, MIN_PART_BYTES, MultipartStore, StoredPart
from dataplatform.storage.opening import StoreSettings, open_store
from dataplatform.storage.s3 import S3Location, S3Store

__all__ = [
    "MAX_PARTS",
    "MIN_PART_BYTES",
    "FolderStore",
    "InvalidKeyError",
    "InvalidPartError",
    "MultipartNotFoundError",
    "MultipartStore",
    "ObjectCorruptError",
    "ObjectExistsError",
    "ObjectNotFoundError",
    "ObjectStore",
    "ObjectStoreError",
    "ObjectStoreRefusedError",
    "ObjectStoreUnavailableError",
    "S3Location",
    "S3Store",
    "SizeLimitExceededError",
    "StoreSettings",
    "StoredObject",
    "StoredPart",
    "StoredStat",
    "open_store",
]
