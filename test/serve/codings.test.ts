import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptedCodings, IDENTITY } from "../../lib/serve/codings.ts";

describe("Accept-Encoding", () => {
  it.each([
    [undefined, "identity"],
    ["", "identity"],
    ["gzip, deflate, br, zstd", "br,zstd,gzip,identity"],
    ["gzip, deflate", "gzip,identity"],
    ["gzip;q=1.0, br;q=0.5", "gzip,br,identity"],
    ["br;q=0, gzip", "gzip,identity"],
    ["BR", "br,identity"],
    ["*", "br,zstd,gzip,identity"],
    ["*;q=0", ""],
    ["identity;q=0", ""],
    ["gzip, identity;q=0", "gzip"],
    ["gzip, *;q=0", "gzip"],
    ["identity, *;q=0", "identity"],
    ["identity, gzip;q=0.5", "identity,gzip"],
    ["zstd;q=0.8, *;q=0.1", "zstd,br,gzip,identity"],
    ["deflate", "identity"],
    ["br;q=high", "identity"],
    ["gzip,,br", "br,gzip,identity"],
  ])("%s allows %s", (header, order) => expect(acceptedCodings(header).order.join()).toBe(order));

  it("comes to the same object for the same list", () => {
    expect(acceptedCodings("br, gzip")).toBe(acceptedCodings("gzip,br"));
    expect(acceptedCodings("nothing we know")).toBe(IDENTITY);
  });

  it("never throws, and knows a header as it was when it comes again", () => {
    const piece = fc.constantFrom(
      "br",
      "gzip",
      "*",
      "identity",
      ";",
      "q=",
      "0",
      "1",
      ".",
      ",",
      " ",
      '"',
      "\\",
      "=",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const header = pieces.join("");
        expect(acceptedCodings(header)).toBe(acceptedCodings(header));
      }),
      { numRuns: 500 },
    );
  });
});
