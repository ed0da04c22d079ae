// Validates an AsyncAPI document: node validate.js FILE. Prints one line per finding; exit 1 if any is an error or warning.
import { readFileSync } from "node:fs";
import { DiagnosticSeverity, Parser } from "@asyncapi/parser";

const file = process.argv[2];
const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf-8"), { source: file });
let failures = 0;
for (const { severity, code, message, path } of diagnostics) {
  if (severity <= DiagnosticSeverity.Warning) failures += 1;
  console.log(`${DiagnosticSeverity[severity]} ${code} at ${path.join("/")}: ${message}`);
}
if (document === undefined) {
  console.log(`${file} is no AsyncAPI document`);
  process.exit(1);
}
const version = document.version();
const counts = [document.channels().length, document.operations().length, document.messages().length];
console.log(`AsyncAPI ${version}: ${counts[0]} channels, ${counts[1]} operations, ${counts[2]} messages, ${failures} faults`);
process.exit(failures === 0 ? 0 : 1);
