/** The name's last part before its extensions, where bundlers put a hash of the contents: 8 characters, or 8 and more hex digits. */
const HASH = /(?:^|[.-])([\w-]{8}|[0-9a-f]{8,64})(?:\.[a-z][a-z0-9]*){1,3}$/i;
const SIZE = /^\d+x\d+$/i;

/**
 * True for a name with a hash of the file's contents in it, as Vite, Rollup, webpack, esbuild and Parcel make them:
 * `index-DxY3k9ab.css`, `app.3f2a9c1b.js`, `3f2a9c1b4d5e6f708192.png`, and their `.js.map`.
 *
 * A name alone proves nothing, and to be wrong costs a year: what may as well be a word, a number, a date or a size
 * (`user-settings.js`, `report-20240131.pdf`, `photo-1024x768.jpg`, `user-profile1.png`) is not taken for a hash. About one
 * hash of 8 letters in six so goes unseen and is revalidated instead, which a pattern of the application's own mends.
 */
export function hasContentHash(name: string): boolean {
  const part = HASH.exec(name)?.[1];
  return part !== undefined && !SIZE.test(part) && looksRandom(part);
}

/** A digit that a letter follows, or letters whose case changes as in no word. */
function looksRandom(text: string): boolean {
  if (/\d[A-Za-z]/.test(text)) return true;
  let changes = 0;
  for (let at = 1; at < text.length; at++) {
    if (/^(?:[a-z][A-Z]|[A-Z][a-z])$/.test(text.slice(at - 1, at + 1))) changes++;
  }
  return changes >= 4;
}
