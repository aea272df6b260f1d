import { describe, expect, it } from "vitest";
import { HttpFault } from "../../lib/http/fault.ts";
import { RequestHead, readRequest } from "../../lib/http/request-head.ts";

/** A head with a Host and these further lines. */
function request(requestLine: string, ...lines: string[]): RequestHead | HttpFault {
  return readRequest(`${[requestLine, "Host: example.com", ...lines].join("\r\n")}\r\n\r\n`);
}

function head(requestLine: string, ...lines: string[]): RequestHead {
  const result = request(requestLine, ...lines);
  if (!(result instanceof RequestHead)) throw new Error(result.message);
  return result;
}

function status(result: RequestHead | HttpFault): number {
  return result instanceof HttpFault ? result.status : 200;
}

const GET = "GET / HTTP/1.1";
const POST = "POST / HTTP/1.1";

describe("a request's head", () => {
  it("tells method, target, path, query and version", () => {
    expect(head("PATCH /a/b%20c?x=1?y HTTP/1.0")).toMatchObject({
      method: "PATCH",
      target: "/a/b%20c?x=1?y",
      path: "/a/b%20c",
      query: "x=1?y",
      host: "example.com",
      httpMinor: 0,
      body: "none",
      contentLength: 0,
      expect: "none",
    });
  });

  it("takes any token for a method", () => {
    expect(head("M-SEARCH /x HTTP/1.1").method).toBe("M-SEARCH");
    expect(head("GETX /x HTTP/1.1").method).toBe("GETX");
  });

  it("treats a minor version that is not known yet as HTTP/1.1", () => {
    expect(head("GET / HTTP/1.7").httpMinor).toBe(1);
  });

  it("joins repeated headers by commas, cookies by semicolons, and trims the blanks around values", () => {
    const lines = ["X-A: 1", "Cookie: a=b", "x-a:\t 2 \t", "COOKIE:c=d", "X-Empty:"];
    expect({ ...head(GET, ...lines).headers }).toEqual({
      host: "example.com",
      "x-a": "1, 2",
      cookie: "a=b; c=d",
      "x-empty": "",
    });
  });

  it("gives single headers without the record, and counts them", () => {
    const request = head(GET, "X-A: 1", "X-AB: no", "x-a: 2", "Cookie: a=b", "Cookie: c");
    expect(request.get("x-a")).toBe("1, 2");
    expect(request.get("cookie")).toBe("a=b; c");
    expect(request.get("x")).toBeUndefined();
    expect(request.count("x-a")).toBe(2);
    expect(request.count("y")).toBe(0);
  });

  it("keeps the record once it is made", () => {
    const request = head(GET);
    expect(request.headers).toBe(request.headers);
  });

  it("row 15: has no prototype behind the headers, and a header named __proto__ is one like any other", () => {
    const { headers } = head(GET, "__proto__: x", "constructor: y");
    expect(Object.getPrototypeOf(headers)).toBeNull();
    expect(Object.keys(headers)).toEqual(["host", "__proto__", "constructor"]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    expect(head(GET).headers["toString"]).toBeUndefined();
  });
});

describe("keeping the connection", () => {
  it.each([
    ["HTTP/1.1", undefined, true],
    ["HTTP/1.1", "close", false],
    ["HTTP/1.1", "Upgrade, Close", false],
    ["HTTP/1.1", "keep-alive", true],
    ["HTTP/1.0", undefined, false],
    ["HTTP/1.0", "Keep-Alive", true],
    ["HTTP/1.0", "keep-alive, close", false],
  ])("%s with Connection %s: %s", (version, connection, kept) => {
    const lines = connection === undefined ? [] : [`Connection: ${connection}`];
    expect(head(`GET / ${version}`, ...lines).keepAlive).toBe(kept);
  });
});

describe("an upgrade", () => {
  it("row 9: is asked for when Connection lists it and Upgrade is there", () => {
    const asked = (...lines: string[]) => head(GET, ...lines).upgradeAsked;
    expect(asked("Connection: keep-alive", "Upgrade: websocket")).toBe(false);
    expect(asked("Connection: keep-alive, Upgrade", "Upgrade: websocket")).toBe(true);
    expect(asked("Connection: keep-alive", "Connection: upgrade", "Upgrade: websocket")).toBe(true);
    expect(asked("Connection: Upgrade")).toBe(false);
    expect(asked("Connection: Upgrade", "Upgrade:")).toBe(false);
  });

  it("row 8: names what it is to, in lower case, in the order of the header", () => {
    const tokens = (...lines: string[]) => head(GET, "Connection: Upgrade", ...lines).upgradeTokens;
    expect(tokens("Upgrade: websocket")).toEqual(["websocket"]);
    expect(tokens("Upgrade: WebSocket, h2c")).toEqual(["websocket", "h2c"]);
    expect(tokens("Upgrade: h2c", "Upgrade: websocket")).toEqual(["h2c", "websocket"]);
    expect(tokens("Upgrade: foo")).toEqual(["foo"]);
    expect(tokens("Upgrade: ,h2c,, websocket")).toEqual(["h2c", "websocket"]);
    expect(tokens("Upgrade:")).toEqual([]);
    expect(tokens()).toEqual([]);
  });
});

describe("the target", () => {
  it("row 19: gives host, path and query of the absolute-form, and names nothing to connect to", () => {
    expect(head("GET http://169.254.169.254/latest?x HTTP/1.1")).toMatchObject({
      path: "/latest",
      query: "x",
      host: "169.254.169.254",
    });
    expect(head("GET HTTPS://[::1]:8080 HTTP/1.1")).toMatchObject({
      path: "/",
      query: "",
      host: "[::1]:8080",
    });
    expect(head("GET http://a?b HTTP/1.1")).toMatchObject({ path: "/", query: "b", host: "a" });
  });

  it("row 66: refuses userinfo", () => {
    expect(status(request("GET http://u:p@x/ HTTP/1.1"))).toBe(400);
    expect(status(request("GET http://u@/ HTTP/1.1"))).toBe(400);
  });

  it("row 67: takes * with OPTIONS only", () => {
    expect(status(request("GET * HTTP/1.1"))).toBe(400);
    expect(head("OPTIONS * HTTP/1.1").path).toBe("*");
  });

  it("row 68: answers CONNECT with 405 and an Allow header", () => {
    const fault = request("CONNECT example.com:443 HTTP/1.1");
    expect(fault).toMatchObject({
      status: 405,
      close: true,
      headers: { allow: expect.stringContaining("GET") },
    });
  });

  it.each([
    "example.com/x",
    "ftp://x/",
    "http:///x",
    "http://a b",
    "http://a\\b/",
    "http:x",
    "?a",
    "ws://x/",
  ])("refuses %s", (target) => expect(status(request(`GET ${target} HTTP/1.1`))).toBe(400));
});

describe("Host", () => {
  const withHosts = (version: string, ...hosts: string[]) =>
    status(readRequest(`GET / ${version}\r\n${hosts.map((host) => `Host: ${host}\r\n`).join("")}\r\n`));

  it("rows 3, 64: is there exactly once in HTTP/1.1, and not empty", () => {
    expect(withHosts("HTTP/1.1")).toBe(400);
    expect(withHosts("HTTP/1.1", "")).toBe(400);
    expect(withHosts("HTTP/1.1", "a", "a")).toBe(400);
    expect(withHosts("HTTP/1.1", "", "")).toBe(400);
    expect(withHosts("HTTP/1.0")).toBe(200);
    expect(withHosts("HTTP/1.0", "a", "b")).toBe(400);
  });

  it("is ignored beside an absolute target, but has to be there, once, and of its form", () => {
    const absolute = (...hosts: string[]) =>
      readRequest(`GET http://a/ HTTP/1.1\r\n${hosts.map((host) => `Host: ${host}\r\n`).join("")}\r\n`);
    expect(absolute("b")).toMatchObject({ host: "a" });
    expect(absolute("")).toMatchObject({ host: "a" });
    for (const hosts of [[], ["a", "a"], ["", ""], ["a b@c"]]) expect(status(absolute(...hosts))).toBe(400);
  });

  it.each(["a b@c", "a@b", "a/b", "a:b", "a:123456", "[::1", "::1", "a, b", "a\\b", "<a>", "ä"])(
    "row 64: refuses %s",
    (host) => expect(withHosts("HTTP/1.1", host)).toBe(400),
  );

  it.each(["a", "A.example.com:80", "[::1]:7681", "[::ffff:1.2.3.4]", "127.0.0.1", "a_b", "a:", "xn--%41"])(
    "takes %s",
    (host) => expect(withHosts("HTTP/1.1", host)).toBe(200),
  );
});

describe("the length of the body", () => {
  it("is that of Content-Length, and no body when it is 0 or not there", () => {
    expect(head(POST, "Content-Length: 8")).toMatchObject({ body: "length", contentLength: 8 });
    expect(head(POST, "Content-Length: 0")).toMatchObject({ body: "none", contentLength: 0 });
    expect(head(POST)).toMatchObject({ body: "none", contentLength: 0 });
    expect(head(POST, "Content-Length: 9007199254740991").contentLength).toBe(Number.MAX_SAFE_INTEGER);
  });

  it("row 51: is refused with Content-Length and Transfer-Encoding both", () => {
    expect(status(request(POST, "Content-Length: 5", "Transfer-Encoding: chunked"))).toBe(400);
    expect(status(request(POST, "Transfer-Encoding: gzip, chunked", "Content-Length: 5"))).toBe(400);
  });

  it("row 52: is refused when Content-Length comes more than once, equal or not", () => {
    expect(status(request(POST, "Content-Length: 5", "Content-Length: 10"))).toBe(400);
    expect(status(request(POST, "Content-Length: 5", "Content-Length: 5"))).toBe(400);
    expect(status(request(POST, "Content-Length: 5, 5"))).toBe(400);
  });

  it.each(["+5", "-1", "1 2", "", "0x5", "18446744073709551617", "9007199254740992", "5;", "1e3", "٥"])(
    "row 53: is refused when Content-Length is %j",
    (value) => expect(status(request(POST, `Content-Length: ${value}`))).toBe(400),
  );

  it.each(["xchunked", "chunked, identity", "chunked, chunked", "chunked;a=b", ", chunked", "gzip", ""])(
    "row 55: is refused when Transfer-Encoding is %j",
    (value) => expect(status(request(POST, `Transfer-Encoding: ${value}`))).toBe(400),
  );

  it("row 55: is refused when chunked comes in two headers", () => {
    expect(status(request(POST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"))).toBe(400);
  });

  it("row 56: is not known (501) behind another transfer coding", () => {
    expect(status(request(POST, "Transfer-Encoding: gzip, chunked"))).toBe(501);
    expect(status(request(POST, "Transfer-Encoding: gzip", "Transfer-Encoding: chunked"))).toBe(501);
  });

  it("row 57: is refused with Transfer-Encoding in HTTP/1.0", () => {
    expect(status(request("POST / HTTP/1.0", "Transfer-Encoding: chunked"))).toBe(400);
  });

  it("comes in chunks, in whichever case", () => {
    expect(head(POST, "Transfer-Encoding: Chunked")).toMatchObject({ body: "chunked", contentLength: 0 });
  });
});

describe("Expect", () => {
  it("row 69: is continue, or unknown, and means nothing in HTTP/1.0", () => {
    expect(head(POST, "Expect: 100-Continue").expect).toBe("continue");
    expect(head(POST, "Expect: 200-foo").expect).toBe("unknown");
    expect(head(POST, "Expect: 100-continue", "Expect: x").expect).toBe("unknown");
    expect(head("POST / HTTP/1.0", "Expect: 200-foo").expect).toBe("none");
    expect(head("POST / HTTP/1.0", "Expect: 100-continue").expect).toBe("none");
  });

  it("is a list (RFC 9110 section 10.1.1), whose empty members count for nothing", () => {
    expect(head(POST, "Expect: 100-continue, 100-CONTINUE").expect).toBe("continue");
    expect(head(POST, "Expect: ,100-continue,").expect).toBe("continue");
    expect(head(POST, "Expect:").expect).toBe("none");
    expect(head(POST, "Expect: 100-continue;a=b").expect).toBe("unknown");
    expect(head(POST, 'Expect: a="100-continue"').expect).toBe("unknown");
  });
});
