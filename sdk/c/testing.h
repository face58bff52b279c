/* For a plugin's own tests, which run on this machine without WebAssembly. README.md has one. */

#ifndef LLMPERF_TESTING_H
#define LLMPERF_TESTING_H

#include "llmperf.h"

#include <stdio.h>
#include <stdlib.h>

/* What is built for this prompt, of the model "any" and with these sampling parameters: "POST v1/parrot {…}", or why it is refused. */
const char *lp_test_request(const char *prompt, const char *sampling);

/* What was found in an answer. A failure is the first one; its code is empty where there is none. */
typedef struct {
    lp_text text, reasoning, finish;
    lp_usage usage;
    lp_failure failure;
    bool ended;
} lp_test_answer;

/* Reads a whole answer, of events with these payloads; the last is NULL. */
lp_test_answer lp_test_read(const char *const *events);

/* Ends the test where it does not hold. */
#define LP_CHECK(holds)                                                                \
    do {                                                                               \
        if (holds) break;                                                              \
        fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #holds); \
        exit(1);                                                                       \
    } while (0)

#endif
