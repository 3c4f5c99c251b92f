import { serveTraining } from './serve-training.js';

serveTraining({ plain: () => import('../tensor/kernels/generated/plain.js') });
