import { describe, expect, it } from "vitest";
import { FAULTS, HttpFault } from "../../lib/http/fault.ts";

describe("faults", () => {
  it("are frozen refusals with a status of 4xx or 5xx and a sentence", () => {
    for (const fault of Object.values(FAULTS)) {
      expect(fault).toBeInstanceOf(HttpFault);
      expect(Object.isFrozen(fault)).toBe(true);
      expect(fault.close).toBe(true);
      expect(fault.status).toBeGreaterThanOrEqual(400);
      expect(fault.status).toBeLessThan(600);
      expect(fault.message).toMatch(/ /);
    }
  });

  it("say with 405 what is allowed (RFC 9110 section 15.5.6)", () => {
    expect(FAULTS.connect.headers).toHaveProperty("allow");
  });
});
