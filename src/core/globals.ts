/**
 * Names that decade's types speak of and that the standard library of ES2022 lacks: of the DOM or Node, and of ES2025. They
 * merge with whatever declares them in full; where nothing does, decade's types still compile. `URL` is zod's.
 */
declare global {
  interface AbortSignal {
    throwIfAborted(): void;
  }
  interface URL {}
  interface AsyncDisposable {}
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
  namespace WebAssembly {
    interface Memory {}
  }
}

export {};
