// Uploads one file with a real tus client and prints what happened as JSON lines.
// node upload.js '{"client": "tus-js-client" | "uppy", "endpoint": URL, "token": "...", "file": path, "name": "...",
//                  "chunkSize": bytes, "parallel": n, "retryDelays": [ms, ...]}'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { stdout } from 'node:process'
import Uppy from '@uppy/core'
import UppyTus from '@uppy/tus'
import { Upload } from 'tus-js-client'

const options = JSON.parse(process.argv[2])
const tell = (event, facts = {}) => stdout.write(`${JSON.stringify({ event, ...facts })}\n`)
const tus = {
  endpoint: options.endpoint,
  headers: { Authorization: `Bearer ${options.token}` },
  chunkSize: options.chunkSize ?? Number.POSITIVE_INFINITY,
  retryDelays: options.retryDelays ?? [0, 500, 1000, 2000, 3000, 5000],
  onShouldRetry: (error) => {
    tell('retry', { status: error.originalResponse?.getStatus() ?? null })
    return ![400, 401, 403, 404, 410, 413, 415, 422].includes(error.originalResponse?.getStatus())
  },
}

async function withTusJsClient() {
  const url = await new Promise((resolve, reject) => {
    const upload = new Upload(createReadStream(options.file), {
      ...tus,
      parallelUploads: options.parallel ?? 1,
      metadata: { filename: options.name },
      onProgress: (sent) => tell('progress', { sent }),
      onSuccess: () => resolve(upload.url),
      onError: reject,
    })
    upload.start()
  })
  tell('success', { url })
}

async function withUppy() {
  const uppy = new Uppy().use(UppyTus, tus)
  uppy.on('upload-progress', (_file, progress) => tell('progress', { sent: progress.bytesUploaded }))
  const data = await readFile(options.file)
  data.size = data.length // what a browser's File has, and Node's Buffer has not
  uppy.addFile({ name: options.name, type: 'text/csv', data })
  const { successful, failed } = await uppy.upload()
  if (failed.length > 0) throw new Error(failed[0].error)
  tell('success', { url: successful[0].uploadURL })
}

try {
  await (options.client === 'uppy' ? withUppy() : withTusJsClient())
} catch (error) {
  tell('failure', { message: String(error), status: error.originalResponse?.getStatus() ?? null })
  process.exitCode = 1
}
