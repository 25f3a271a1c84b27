import type { Projection, ProjectionEngineOptions } from 'mink';
import { activity } from './activity.ts';
import { authorFiles } from './author-files.ts';
import { authors } from './authors.ts';
import { files } from './files.ts';

/** All read models, those that have most to apply first. */
export const readModels: readonly Projection[] = [files, authorFiles, authors, activity];

/** A process that was killed is waited for so long, in milliseconds: this is a program that people run again at once. */
export const ENGINE: ProjectionEngineOptions = { leaseDuration: 5_000 };
