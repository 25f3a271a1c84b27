/** Whether a text can be a stream's name by now: `Category-id`. While it is typed, it is none yet. */
export const isStreamName = (text: string): boolean => /^[^-]+-./u.test(text);
