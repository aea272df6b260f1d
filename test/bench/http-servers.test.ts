import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SUITES } from "../../bench/cases.ts";
import { findHttpServers, makeFiles, nginxConfig } from "../../bench/http-servers.ts";
import { REPLY } from "../../bench/servers/reply.ts";

test("makeFiles makes the files that the cases ask for", () => {
  const folder = makeFiles();
  try {
    const sizes = readdirSync(join(folder, "files")).map((name): [string, number] => [
      `/files/${name}`,
      statSync(join(folder, "files", name)).size,
    ]);
    const asked = SUITES.files.cases.map(({ path, bytes }): [string, number] => [path!, bytes]);
    expect(Object.fromEntries([...sizes, ["/reply", REPLY.length]])).toEqual(Object.fromEntries(asked));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("findHttpServers has the reference, and finds or misses nginx", () => {
  const { servers, missing } = findHttpServers("/tmp");
  const names = servers.map(({ name }) => name);
  expect(names.slice(0, 3)).toEqual(["sluice-epoll", "sluice-node", "node-http"]);
  expect(names).toContain(SUITES.files.reference);
  expect(names.includes("nginx")).toBe(missing.length === 0);
});

test("the configuration of nginx is that of one process in its own folder", () => {
  expect(nginxConfig(7681, "/tmp/a folder")).toBe(`daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {
  worker_connections 1024;
}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=20s;
  open_file_cache_valid 30s;
  open_file_cache_min_uses 2;
  default_type application/octet-stream;
  client_body_temp_path temp;
  proxy_temp_path temp;
  fastcgi_temp_path temp;
  uwsgi_temp_path temp;
  scgi_temp_path temp;
  server {
    listen 7681;
    root "/tmp/a folder";
    location = /reply {
      default_type text/plain;
      return 200 "${REPLY.trimEnd()}\\n";
    }
  }
}
`);
});
