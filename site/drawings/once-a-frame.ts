/** Draws before the next picture, however often it is called until then: what is computed changes faster than a screen. */
export function onceAFrame(draw: () => void): () => void {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      draw();
    });
  };
}
