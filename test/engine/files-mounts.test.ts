import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Mount } from "../../lib/index.ts";
import { httpRequest, type RequestOptions } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import {
  describeLoops,
  Recorder,
  type ServerOptions,
  startServer,
  temporaryFolder,
} from "../support/server.ts";

const origin = temporaryFolder();
writeFileSync(join(origin, "f.txt"), "0123456789");
writeFileSync(join(origin, "app.html"), "<p>app");
mkdirSync(join(origin, "sub"));
writeFileSync(join(origin, "sub", "a & b.txt"), "");
const passwords = join(temporaryFolder(), "passwords");
writeFileSync(passwords, "ann:secret\nbob:other\n");

const basic = (user: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});
const mount = (options: Partial<Mount> = {}): Mount => ({
  mountpoint: "/",
  origin,
  ...options,
});

describeLoops("mounts", (loop) => {
  const start = (mounts: Mount[], options: ServerOptions = {}) =>
    startServer({ eventLoop: loop, mounts, ...options });
  const get = async (mounts: Mount[], request: RequestOptions, options: ServerOptions = {}) =>
    (await start(mounts, options)).ask(httpRequest(request));

  it("list a folder where that is wanted, and only there", async () => {
    const listed = await get([mount({ listing: true })], { target: "/sub/" });
    expect(listed).toMatchObject({ status: 200, headers: { "content-type": "text/html; charset=utf-8" } });
    expect(listed.body.toString()).toContain("a &amp; b.txt");
    expect((await get([mount()], { target: "/sub/" })).status).toBe(404);
  });

  it("fall back to a page for what an application has a page for", async () => {
    const mounts = [mount({ fallback: "app.html" })];
    const page = await get(mounts, { target: "/users/5?x", headers: { Accept: "text/html" } });
    expect(page).toMatchObject({ status: 200, body: Buffer.from("<p>app"), headers: { vary: "Accept" } });
    expect(await get(mounts, { target: "/users/5", headers: { Accept: "application/json" } })).toMatchObject({
      status: 404,
      headers: { vary: "Accept" },
    });
    expect((await get(mounts, { target: "/none.js", headers: { Accept: "text/html" } })).status).toBe(404);
  });

  it("redirect", async () => {
    const mounts: Mount[] = [
      mount(),
      { mountpoint: "/old", redirect: { status: 308, location: "https://example.com/" } },
    ];
    expect(await get(mounts, { target: "/old/x" })).toMatchObject({
      status: 308,
      headers: { location: "https://example.com/", "content-length": "0" },
    });
  });

  it("answer 405 with Allow to another method, and drop its body", async () => {
    const server = await start([mount()]);
    const peer = await server.connect();
    peer.send(
      httpRequest({ method: "POST", target: "/f.txt", headers: { "Content-Length": "5" }, body: "abcde" }),
    );
    peer.send(httpRequest({ target: "/f.txt" }));
    expect(await peer.response()).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
    expect(await peer.response()).toMatchObject({ status: 200, body: Buffer.from("0123456789") });
    expect(server.all("HTTP_BODY")).toHaveLength(0);
  });

  it("give a request to a protocol, by the path that they found it by, and the next one to its own", async () => {
    const api = new Recorder(
      {
        HTTP: () => {},
        HTTP_BODY_COMPLETION: (wsi) => wsi.httpReply(200, {}, `${wsi.method} ${wsi.uri}`),
      },
      { name: "api", perSessionData: () => "the api's own" },
    );
    const first = new Recorder();
    const server = await start(
      [mount(), { mountpoint: "/api", protocol: "api" }, { mountpoint: "/api/open", pass: true }],
      {
        protocols: [first.protocol, api.protocol],
      },
    );
    const peer = await server.connect();
    const post = (target: string) =>
      httpRequest({ method: "POST", target, headers: { "Content-Length": "3" }, body: "abc" });
    peer.send(
      post("//api/./%78"),
      post("/api/open/y"),
      httpRequest({ target: "/f.txt" }),
      post("/api/z%2525%20"),
    );
    const bodies: string[] = [];
    for (let count = 0; count < 4; count++) bodies.push((await peer.response()).body.toString());
    expect(bodies).toEqual(["POST //api/./%78", "plain", "0123456789", "POST /api/z%2525%20"]);
    expect(api.all("HTTP").map((note) => [note.input, note.user])).toEqual([
      ["/api/x", "the api's own"],
      ["/api/z%2525%20", "the api's own"],
    ]);
    expect(String(api.all("HTTP_BODY")[0].input)).toBe("abc");
    expect(first.all("HTTP").map((note) => note.input)).toEqual(["/api/open/y"]);
    expect(api.all("ADD_HEADERS")).toHaveLength(2);
    expect(first.all("ADD_HEADERS")).toHaveLength(2);
  });

  it("tell the protocol that has the request when the connection goes", async () => {
    const api = new Recorder({ HTTP: () => {} }, { name: "api" });
    const first = new Recorder();
    const protocols = [first.protocol, api.protocol];
    const server = await start([{ mountpoint: "/api", protocol: "api" }], { protocols });
    const peer = await server.connect();
    peer.send(httpRequest({ target: "/api" }));
    await api.nth("HTTP");
    peer.abort();
    await api.nth("CLOSED_HTTP");
    expect(first.all("CLOSED_HTTP")).toHaveLength(0);
  });

  it("cannot name a protocol that is not there", async () => {
    const mounts = [mount(), { mountpoint: "/api", protocol: "none" }];
    await expect(start(mounts)).rejects.toThrow(/^mounts\[1\]\.protocol: .*"none"/);
    await expect(start(mounts)).rejects.toBeInstanceOf(TypeError);
  });
});

describeLoops("a mount that asks who is there", (loop) => {
  const start = (auth: NonNullable<Mount["auth"]>, options: ServerOptions = {}, more: Mount[] = []) =>
    startServer({
      eventLoop: loop,
      mounts: [mount({ mountpoint: "/in", auth }), ...more],
      ...options,
    });
  const asAnn = { target: "/in/f.txt", headers: basic("ann", "secret") };
  /** A check that decides when it is told to. */
  const deciding = () => {
    let decide: (admitted: boolean) => void = () => {};
    let asked: () => void = () => {};
    const called = new Promise<void>((resolve) => (asked = resolve));
    const check = () =>
      new Promise<boolean>((resolve) => {
        decide = resolve;
        asked();
      });
    return { auth: { realm: "r", check }, called, decide: (admitted: boolean) => decide(admitted) };
  };

  it("lets in whom its file of passwords knows", async () => {
    const server = await start({ realm: "the inside", file: passwords });
    expect((await server.ask(httpRequest(asAnn))).body.toString()).toBe("0123456789");
    for (const headers of [
      {},
      basic("ann", "wrong"),
      basic("eve", "secret"),
      { Authorization: "Bearer x" },
    ]) {
      const reply = await server.ask(httpRequest({ ...asAnn, headers }));
      expect(reply).toMatchObject({
        status: 401,
        headers: { "www-authenticate": 'Basic realm="the inside", charset="UTF-8"' },
      });
      expect(reply.body.toString()).toContain("401 Unauthorized");
    }
  });

  it("row 74: sees the path that the file is found by, however it is written", async () => {
    const asked: string[] = [];
    const server = await start({ realm: "r", check: (_user, _password, path) => asked.push(path) > 0 });
    for (const target of ["//in/f.txt", "/in/./f.txt", "/x/../in/f.txt", "/%69n/f.txt"]) {
      expect((await server.ask(httpRequest({ ...asAnn, target }))).status).toBe(200);
    }
    expect(new Set(asked)).toEqual(new Set(["/in/f.txt"]));
    for (const target of ["/in%2Ff.txt", "/in%5Cf.txt"]) {
      expect((await server.ask(httpRequest({ target }))).status).toBe(400);
    }
  });

  it.each([
    [true, 200],
    [false, 401],
  ])("waits for a check that takes its time, and keeps the order (%s)", async (admitted, status) => {
    const { auth, called, decide } = deciding();
    const server = await start(auth);
    const peer = await server.connect();
    peer.send(httpRequest(asAnn), httpRequest({ target: "/other" }));
    await called;
    await rounds();
    expect(peer.available).toBe(0);
    decide(admitted);
    expect((await peer.response()).status).toBe(status);
    expect((await peer.response()).body.toString()).toBe("plain");
  });

  it("loses nothing of a body that comes meanwhile", async () => {
    const { auth, called, decide } = deciding();
    const api = new Recorder(
      { HTTP: () => {}, HTTP_BODY_COMPLETION: (wsi) => wsi.httpReply(200, {}, "all") },
      { name: "api" },
    );
    const server = await start(auth, { protocols: [new Recorder().protocol, api.protocol] }, [
      { mountpoint: "/api", protocol: "api", auth },
    ]);
    const peer = await server.connect();
    const headers = { ...basic("ann", "secret"), "Content-Length": "200000" };
    peer.send(httpRequest({ method: "POST", target: "/api/x", headers, body: "first " }));
    await called;
    peer.send("x".repeat(200_000 - 6));
    await rounds();
    expect(api.names()).toEqual([]);
    decide(true);
    expect((await peer.response()).body.toString()).toBe("all");
    const body = api
      .all("HTTP_BODY")
      .map((note) => String(note.input))
      .join("");
    expect(body).toBe(`first ${"x".repeat(200_000 - 6)}`);
  });

  it("opens nothing for who has gone before it decides", async () => {
    const { auth, called, decide } = deciding();
    const server = await start(auth);
    const peer = await server.connect();
    peer.send(httpRequest(asAnn));
    await called;
    peer.abort();
    await server.nth("CLOSED_HTTP");
    decide(true);
    await rounds();
    expect((await server.ask(httpRequest({ target: "/" }))).body.toString()).toBe("plain");
  });

  it("answers 503 when its check does not decide in time, and says who it was", async () => {
    const { auth } = deciding();
    const server = await start(auth, { timeouts: { reply: 50 } });
    expect((await server.ask(httpRequest(asAnn))).status).toBe(503);
    expect(server.log).toContain("warn the check of a mount did not answer GET /in/f.txt");
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("no database");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no database"))],
  ])("answers 500 when its check %s, and logs why", async (_how, check) => {
    const server = await start({ realm: "r", check });
    const reply = await server.ask(httpRequest(asAnn));
    expect(reply.status).toBe(500);
    expect(reply.body.toString()).not.toContain("database");
    expect(server.log.join()).toMatch(/error the check of a mount failed: .*no database/);
  });
});
