/**
 * Names used in decade's types that the standard library of ES2022 lacks: from the DOM or Node, and from ES2025. They merge with
 * full declarations; without those, decade's types still compile. `URL` is zod's.
 */
declare global {
  interface AbortSignal {
    throwIfAborted(): void;
  }
  interface URL {}
  interface Blob {}
  interface Response {}
  interface Worker {}
  interface MessagePort {}
  interface CacheStorage {}
  interface FileSystemDirectoryHandle {}
  interface AsyncDisposable {}
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
  namespace WebAssembly {
    interface Memory {}
  }
}

export {};
