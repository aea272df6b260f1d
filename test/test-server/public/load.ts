/**
 * Loads a module of the page. The page is plain JavaScript without types, so each test says what it expects.
 *
 * @typeParam Module - What the module exports.
 */
export async function loadPageModule<Module>(name: string): Promise<Module> {
  const url = new URL(`../../../test-server/public/${name}`, import.meta.url);
  return (await import(url.href)) as Module;
}
