"""What Schemathesis has to know beyond the API document; its process imports this."""

import schemathesis

# bytes of a resumable upload are sent as they are
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
