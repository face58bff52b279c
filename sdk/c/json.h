/* JSON, read into a tree and written field by field. Everything lives in the arena, until the call that the host made returns. */

#ifndef LLMPERF_JSON_H
#define LLMPERF_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of UTF-8, without a zero at their end. Compare with lp_is. */
typedef struct {
    const char *ptr;
    size_t len;
} lp_text;

/* A literal as a text: LP("content-type"). */
#define LP(literal) ((lp_text){(literal), sizeof(literal) - 1})

/* A whole number that may be missing. */
typedef struct {
    bool is_some;
    uint64_t value;
} lp_count;

/* Memory that is given back when the call that the host made returns. It is zeroed, and there is always some: without, it traps. */
void *lp_alloc(size_t bytes);

lp_text lp_text_of(const char *zero_terminated);
bool lp_is(lp_text text, const char *zero_terminated);
/* Without white space at its ends. */
lp_text lp_trim(lp_text text);
bool lp_is_utf8(lp_text text);

typedef enum { LP_NULL, LP_BOOL, LP_NUMBER, LP_STRING, LP_ARRAY, LP_OBJECT } lp_kind;

typedef struct lp_json {
    lp_kind kind;
    /* Its name, where it is a field. */
    lp_text name;
    /* As it is written. */
    lp_text raw;
    /* The string, unescaped. */
    lp_text string;
    /* The first item or field, and what follows this one. */
    struct lp_json *first, *next;
} lp_json;

/* NULL where the text is no JSON, or no UTF-8. */
const lp_json *lp_json_parse(lp_text text);
/* The field of an object. Never NULL: what is not there, or not in an object, is null. */
const lp_json *lp_get(const lp_json *json, const char *name);
/* A string; empty for any other value. */
lp_text lp_string(const lp_json *json);
/* A whole number that is no less than 0; missing for any other value. */
lp_count lp_count_of(const lp_json *json);
/* Whether it is a number, and which. */
bool lp_number(const lp_json *json, double *number);

/* A JSON object being written. A field keeps its place when it is set again; numbers and nested values keep their text. */
typedef struct lp_body lp_body;

lp_body *lp_body_new(void);
void lp_body_text(lp_body *body, const char *name, lp_text value);
/* Left out where it is missing. */
void lp_body_count(lp_body *body, const char *name, lp_count value);
void lp_body_bool(lp_body *body, const char *name, bool value);
/* Any JSON value; null takes the field away. */
void lp_body_raw(lp_body *body, lp_text name, lp_text value);
/* Lets the fields of a JSON object win, as sampling parameters must; false where the text is none. Blank text is an empty object. */
bool lp_body_merge(lp_body *body, lp_text object);
lp_text lp_body_build(const lp_body *body);

#endif
