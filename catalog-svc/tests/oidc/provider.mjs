// An OpenID provider (oidc-provider, certified) for tests. Its keys, clients and wrong clock come from the file named
// by its argument; whoever signs in is who they say, and a member of the groups that another file names.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [file, folder] = process.argv.slice(2);
const given = JSON.parse(readFileSync(file, "utf-8"));
const now = Date.now;
let offset = 0;
Date.now = () => now() + offset;

const { Provider } = await import(pathToFileURL(join(folder, "node_modules/oidc-provider/lib/index.js")));
const provider = new Provider(given.issuer, {
  clients: given.clients,
  jwks: given.jwks,
  cookies: { keys: ["of tests"] },
  claims: { openid: ["sub"], profile: ["name", "groups"] },
  pkce: { required: () => true },
  ttl: { IdToken: 600, AuthorizationCode: 60, AccessToken: 600, Grant: 600, Interaction: 600, Session: 600 },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `Dr. ${id}`, groups: JSON.parse(readFileSync(given.groups, "utf-8"))[id] ?? [] }),
  }),
});
const answer = provider.callback();
createServer((request, response) => {
  // where tokens are made only: the browser's cookies shall last
  offset = request.url.startsWith("/token") ? given.clock_offset_seconds * 1000 : 0;
  answer(request, response);
}).listen(given.port, "127.0.0.1", () => console.log("listening"));
