/** A process that parts from others by the launcher at its descriptor 3, and prints how often it has looked at the network meanwhile. */
import { ForeignInterface } from '../../src/node/foreign.js';
import { partByLauncher } from '../../src/node/mpi/process-manager.js';

const foreign = await ForeignInterface.load();
let looks = 0;
if (foreign instanceof ForeignInterface) {
  partByLauncher(foreign, 3, () => {
    looks++;
  });
}
console.log(looks);
