/* mailtalk - what the mail server says, word by word: client and server know it both.
 * Fixed texts of a fixed length, so that a client counts bytes instead of reading lines, and still
 * notices a wrong one. */
#ifndef BENCH_MAILTALK_H
#define BENCH_MAILTALK_H

#define SMTP_GREETING "220 mail.example.net ESMTP ready\r\n"
#define SMTP_EHLO     "EHLO client.example.org\r\n"
#define SMTP_HELLO    "250-mail.example.net\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250 8BITMIME\r\n"
#define SMTP_MAIL     "MAIL FROM:<sender@example.org>\r\n"
#define SMTP_RCPT     "RCPT TO:<recipient@example.net>\r\n"
#define SMTP_OK	      "250 2.0.0 Ok\r\n"
#define SMTP_DATA     "DATA\r\n"
#define SMTP_GO_ON    "354 End data with <CR><LF>.<CR><LF>\r\n"
#define SMTP_DOT      ".\r\n"
#define SMTP_QUIT     "QUIT\r\n"
#define SMTP_BYE      "221 2.0.0 Bye\r\n"

#define IMAP_GREETING "* OK IMAP4rev1 ready\r\n"
#define IMAP_IDLE     "a1 IDLE\r\n"
#define IMAP_IDLING   "+ idling\r\n"

/* Number of the notice, and the monotonic nanosecond at which all of its kind were due. */
#define IMAP_NOTICE	 "* %010u EXISTS\r\n* OK [DUE %020llu]\r\n"
#define IMAP_NOTICE_SIZE (2 + 10 + 9 + 10 + 20 + 3)

#endif
