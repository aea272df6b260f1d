import { describe, expect, it } from "vitest";
import { AddressSet } from "../../lib/base/address-set.ts";
import { ClientAddress } from "../../lib/engine/client-address.ts";
import { type RequestHead, readRequest } from "../../lib/http/request-head.ts";

const trusted = new AddressSet(["10.0.0.0/8"]);

function read(fields: string, client = new ClientAddress("10.0.0.1", 5, false, true)) {
  client.read(readRequest(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`) as RequestHead, trusted);
  const { remoteAddress, remotePort, secure, isOwn } = client;
  return [remoteAddress, remotePort, secure, isOwn];
}

describe("the address of a client", () => {
  it("is what the proxy says, without a port where it says none", () => {
    expect(read("X-Forwarded-For: 192.0.2.1\r\n")).toEqual(["192.0.2.1", 0, false, false]);
    expect(read("X-Forwarded-For: 192.0.2.1:99, 10.0.0.2\r\n")).toEqual(["192.0.2.1", 99, false, false]);
  });

  it("is found over several headers of that name, in their order", () => {
    const fields =
      "X-Forwarded-For: 192.0.2.1\r\nx-forwarded-for: 192.0.2.2\r\nX-FORWARDED-FOR: 10.0.0.3\r\n";
    expect(read(fields)[0]).toBe("192.0.2.2");
  });

  it("is the connection's own where the proxy says nothing, or nothing that is one", () => {
    expect(read("")).toEqual(["10.0.0.1", 5, false, true]);
    expect(read("X-Forwarded-For: unknown\r\n")).toEqual(["10.0.0.1", 5, false, true]);
  });

  it("is that of each request anew", () => {
    const client = new ClientAddress("10.0.0.1", 5, false, true);
    read("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", client);
    expect(read("", client)).toEqual(["10.0.0.1", 5, false, true]);
  });

  it("comes with the scheme that the proxy was spoken to in", () => {
    expect(read("X-Forwarded-Proto: https\r\n")[2]).toBe(true);
    expect(read("X-Forwarded-Proto: x\r\n")[2]).toBe(false);
    const overTls = () => new ClientAddress("10.0.0.1", 5, true, true);
    expect(read("", overTls())[2]).toBe(true);
    expect(read("X-Forwarded-Proto: http\r\n", overTls())[2]).toBe(false);
  });
});
