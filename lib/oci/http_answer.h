/* http_answer.h - what libcurl reports while an answer arrives, for http.c alone: headers taken
 * apart, the body handed on, libcurl's verdict turned into an error. */
#pragma once

#include <curl/curl.h>

#include "lib/oci/http.h"

typedef struct Answer {
        CURL *handle;
        const HttpRequest *request;
        HttpResponse response;
        bool begun;        /* the receiver was told */
        uint64_t uploaded; /* handed to libcurl */
        char detail[CURL_ERROR_SIZE];
        Err err; /* why a callback stopped the transfer */
} Answer;

/* Sets the callbacks of a->handle. */
void answer_attach(Answer *a);
/* After the transfer: tells the receiver of an empty body. */
int answer_finish(Answer *a);
/* Turns libcurl's verdict (not CURLE_OK) into an error and fills the flags of the response. */
int answer_explain(Answer *a, CURLcode code, Err *e);
/* Says a header line at the level trace, without its secrets. */
void answer_log_header(const char *direction, const char *line, size_t n);
/* How much of the request's URL may be said: the query of an upload is as good as a password. */
int answer_shown_url(const HttpRequest *r);
/* "GET" ... */
const char *answer_method(HttpMethod m);
