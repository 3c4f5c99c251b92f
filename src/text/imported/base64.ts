import type { Refuse } from './parts.js';

/** `refuse` must throw. */
export function bytesOfBase64(text: string, refuse: Refuse): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (cause) {
    return refuse('bytes that are not base64', cause);
  }
}

export function base64Of(bytes: Uint8Array): string {
  let characters = '';
  // Some thousands at a time: a call takes no more arguments.
  for (let at = 0; at < bytes.length; at += 8_192) characters += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(characters);
}
