/* JSON (RFC 8259), without a table or a lookahead: a plugin reads small events, and its code is loaded for every run. */

#include "json.h"

#include <stdlib.h>
#include <string.h>

/* Deeper than any answer, and far less than what the guest's stack bears. */
#define MAX_DEPTH 128
/* A number that is longer is cut; a double has 17 digits. */
#define MAX_NUMBER 63

static const lp_json null_json;

lp_text lp_text_of(const char *text) {
    return (lp_text){text, strlen(text)};
}

bool lp_is(lp_text text, const char *other) {
    return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

lp_text lp_trim(lp_text text) {
    while (text.len > 0 && is_space(text.ptr[0])) text.ptr++, text.len--;
    while (text.len > 0 && is_space(text.ptr[text.len - 1])) text.len--;
    return text;
}

bool lp_is_utf8(lp_text text) {
    const unsigned char *at = (const unsigned char *)text.ptr, *end = at + text.len;
    while (at < end) {
        unsigned char lead = *at++;
        if (lead < 0x80) continue;
        int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (lead < 0xc2 || lead > 0xf4 || end - at < more) return false;
        /* Overlong forms, surrogates, and what lies above U+10FFFF. */
        if ((lead == 0xe0 && *at < 0xa0) || (lead == 0xed && *at > 0x9f)) return false;
        if ((lead == 0xf0 && *at < 0x90) || (lead == 0xf4 && *at > 0x8f)) return false;
        while (more-- > 0) {
            if ((*at++ & 0xc0) != 0x80) return false;
        }
    }
    return true;
}

typedef struct {
    const char *at, *end;
} reader;

static void skip_space(reader *in) {
    while (in->at < in->end && is_space(*in->at)) in->at++;
}

static bool take(reader *in, char c) {
    if (in->at == in->end || *in->at != c) return false;
    in->at++;
    return true;
}

static bool take_word(reader *in, const char *word) {
    size_t len = strlen(word);
    if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0) return false;
    in->at += len;
    return true;
}

static bool take_hex(reader *in, uint32_t *unit) {
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        if (in->at == in->end) return false;
        char c = *in->at++;
        uint32_t digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 16;
        if (digit == 16) return false;
        *unit = *unit << 4 | digit;
    }
    return true;
}

static char *put_utf8(char *out, uint32_t c) {
    if (c < 0x80) {
        *out++ = (char)c;
        return out;
    }
    if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *out++ = (char)(0xe0 | c >> 12);
        } else {
            *out++ = (char)(0xf0 | c >> 18);
            *out++ = (char)(0x80 | (c >> 12 & 63));
        }
        *out++ = (char)(0x80 | (c >> 6 & 63));
    }
    *out++ = (char)(0x80 | (c & 63));
    return out;
}

/* `\uXXXX`, after the u: half of a pair stands for U+FFFD, as no text may hold it. */
static bool unescape_unit(reader *in, char **out) {
    uint32_t c, low;
    if (!take_hex(in, &c)) return false;
    if (c >= 0xd800 && c < 0xdc00) {
        reader ahead = *in;
        if (take_word(&ahead, "\\u") && take_hex(&ahead, &low) && low >= 0xdc00 && low < 0xe000) {
            *in = ahead;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    *out = put_utf8(*out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    return true;
}

/* After the opening quote. What has no escape is borrowed from the source. */
static bool read_string(reader *in, lp_text *string) {
    const char *start = in->at;
    while (in->at < in->end && *in->at != '"' && *in->at != '\\' && (unsigned char)*in->at >= 0x20) in->at++;
    if (take(in, '"')) {
        *string = (lp_text){start, (size_t)(in->at - 1 - start)};
        return true;
    }
    const char *close = in->at;
    while (close < in->end && *close != '"') close += *close == '\\' ? 2 : 1;
    if (close >= in->end) return false;
    /* Unescaping makes nothing longer. */
    char *text = lp_alloc((size_t)(close - start) + 1), *out = text + (in->at - start);
    memcpy(text, start, (size_t)(in->at - start));
    while (!take(in, '"')) {
        if (in->at == in->end || (unsigned char)*in->at < 0x20) return false;
        char c = *in->at++;
        if (c != '\\') {
            *out++ = c;
            continue;
        }
        if (in->at == in->end) return false;
        c = *in->at++;
        const char *from = "\"\\/bfnrt", *to = "\"\\/\b\f\n\r\t", *known = strchr(from, c);
        if (c == 'u') {
            if (!unescape_unit(in, &out)) return false;
        } else if (c != 0 && known) {
            *out++ = to[known - from];
        } else {
            return false;
        }
    }
    *string = (lp_text){text, (size_t)(out - text)};
    return true;
}

static bool take_digits(reader *in) {
    const char *start = in->at;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9') in->at++;
    return in->at > start;
}

static bool read_number(reader *in) {
    take(in, '-');
    if (!take(in, '0') && !take_digits(in)) return false;
    if (take(in, '.') && !take_digits(in)) return false;
    if (take(in, 'e') || take(in, 'E')) {
        if (!take(in, '+')) take(in, '-');
        return take_digits(in);
    }
    return true;
}

static bool read_value(reader *in, lp_json *json, int depth);

/* After the opening bracket. */
static bool read_items(reader *in, lp_json *json, char close, int depth) {
    lp_json **end = &json->first;
    skip_space(in);
    if (take(in, close)) return true;
    do {
        lp_json *item = lp_alloc(sizeof *item);
        skip_space(in);
        if (close == '}') {
            if (!take(in, '"') || !read_string(in, &item->name)) return false;
            skip_space(in);
            if (!take(in, ':')) return false;
        }
        if (!read_value(in, item, depth)) return false;
        *end = item;
        end = &item->next;
    } while (take(in, ','));
    return take(in, close);
}

static bool read_value(reader *in, lp_json *json, int depth) {
    if (depth == 0) return false;
    skip_space(in);
    const char *start = in->at;
    bool is_read;
    if (take(in, '"')) {
        json->kind = LP_STRING;
        is_read = read_string(in, &json->string);
    } else if (take(in, '{')) {
        json->kind = LP_OBJECT;
        is_read = read_items(in, json, '}', depth - 1);
    } else if (take(in, '[')) {
        json->kind = LP_ARRAY;
        is_read = read_items(in, json, ']', depth - 1);
    } else if (take_word(in, "null")) {
        json->kind = LP_NULL;
        is_read = true;
    } else if (take_word(in, "true") || take_word(in, "false")) {
        json->kind = LP_BOOL;
        is_read = true;
    } else {
        json->kind = LP_NUMBER;
        is_read = read_number(in);
    }
    json->raw = (lp_text){start, (size_t)(in->at - start)};
    skip_space(in);
    return is_read;
}

const lp_json *lp_json_parse(lp_text text) {
    reader in = {text.ptr, text.ptr + text.len};
    lp_json *json = lp_alloc(sizeof *json);
    bool is_json = lp_is_utf8(text) && read_value(&in, json, MAX_DEPTH) && in.at == in.end;
    return is_json ? json : NULL;
}

const lp_json *lp_get(const lp_json *json, const char *name) {
    const lp_json *found = &null_json;
    if (json->kind != LP_OBJECT) return found;
    for (const lp_json *field = json->first; field; field = field->next) {
        if (lp_is(field->name, name)) found = field;
    }
    return found;
}

lp_text lp_string(const lp_json *json) {
    return json->string;
}

lp_count lp_count_of(const lp_json *json) {
    lp_count count = {json->kind == LP_NUMBER, 0};
    for (size_t i = 0; count.is_some && i < json->raw.len; i++) {
        uint64_t digit = (uint64_t)(json->raw.ptr[i] - '0');
        count.is_some = digit <= 9 && count.value <= (UINT64_MAX - digit) / 10;
        count.value = count.value * 10 + digit;
    }
    return count;
}

bool lp_number(const lp_json *json, double *number) {
    char text[MAX_NUMBER + 1] = {0};
    if (json->kind != LP_NUMBER) return false;
    memcpy(text, json->raw.ptr, json->raw.len < MAX_NUMBER ? json->raw.len : MAX_NUMBER);
    *number = strtod(text, NULL);
    return true;
}

typedef struct field {
    lp_text name, value;
    struct field *next;
} field;

struct lp_body {
    field *first;
};

lp_body *lp_body_new(void) {
    return lp_alloc(sizeof(lp_body));
}

void lp_body_raw(lp_body *body, lp_text name, lp_text value) {
    field **at = &body->first;
    while (*at && !((*at)->name.len == name.len && memcmp((*at)->name.ptr, name.ptr, name.len) == 0)) at = &(*at)->next;
    if (lp_is(value, "null")) {
        if (*at) *at = (*at)->next;
        return;
    }
    if (!*at) {
        *at = lp_alloc(sizeof(field));
        (*at)->name = name;
    }
    (*at)->value = value;
}

/* The most that a text takes as a string of JSON. */
static size_t quoted_len(lp_text text) {
    return 6 * text.len + 2;
}

static char *put_quoted(char *out, lp_text text) {
    static const char hex[] = "0123456789abcdef";
    *out++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20) {
            memcpy(out, "\\u00", 4);
            out[4] = hex[c >> 4];
            out[5] = hex[c & 15];
            out += 6;
            continue;
        }
        if (c == '"' || c == '\\') *out++ = '\\';
        *out++ = (char)c;
    }
    *out++ = '"';
    return out;
}

void lp_body_text(lp_body *body, const char *name, lp_text value) {
    char *quoted = lp_alloc(quoted_len(value));
    lp_body_raw(body, lp_text_of(name), (lp_text){quoted, (size_t)(put_quoted(quoted, value) - quoted)});
}

void lp_body_count(lp_body *body, const char *name, lp_count value) {
    if (!value.is_some) return;
    /* The digits of the largest one. */
    char *end = (char *)lp_alloc(20) + 20, *at = end;
    do *--at = (char)('0' + value.value % 10);
    while (value.value /= 10);
    lp_body_raw(body, lp_text_of(name), (lp_text){at, (size_t)(end - at)});
}

void lp_body_bool(lp_body *body, const char *name, bool value) {
    lp_body_raw(body, lp_text_of(name), value ? LP("true") : LP("false"));
}

bool lp_body_merge(lp_body *body, lp_text object) {
    if (lp_trim(object).len == 0) return true;
    const lp_json *json = lp_json_parse(object);
    if (!json || json->kind != LP_OBJECT) return false;
    for (const lp_json *field = json->first; field; field = field->next) lp_body_raw(body, field->name, field->raw);
    return true;
}

lp_text lp_body_build(const lp_body *body) {
    size_t len = 2;
    for (const field *field = body->first; field; field = field->next) {
        len += quoted_len(field->name) + field->value.len + 2;
    }
    char *text = lp_alloc(len), *out = text;
    *out++ = '{';
    for (const field *field = body->first; field; field = field->next) {
        if (field != body->first) *out++ = ',';
        out = put_quoted(out, field->name);
        *out++ = ':';
        memcpy(out, field->value.ptr, field->value.len);
        out += field->value.len;
    }
    *out++ = '}';
    return (lp_text){text, (size_t)(out - text)};
}
