import { serveTraining } from './serve-training.js';

serveTraining({ relaxed: () => import('../tensor/kernels/generated/relaxed.js') });
